"""Strategies for XML texts and trees."""

from hypothesis import strategies as st

from intacct_protocol.xml.xml import Element

characters = st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\ufffe\uffff").filter(
    lambda char: char >= " " or char in "\t\n\r"
)
texts = st.text(characters, max_size=20)
names = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_.\-]{0,8}\Z")
attributes = st.dictionaries(names, texts, max_size=3)
trees = st.recursive(
    st.builds(Element, names, texts, attributes=attributes),
    lambda children: st.builds(
        Element, names, st.just(""), st.lists(children, max_size=4).map(tuple), attributes=attributes
    ),
    max_leaves=12,
)
