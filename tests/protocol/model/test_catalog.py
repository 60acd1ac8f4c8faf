import pickle

import pytest

from intacct_protocol.errors import InvalidRequestError, RemoteProtocolError
from intacct_protocol.model.catalog import (
    FieldDef,
    Relation,
    inspect_element,
    lookup_element,
    object_from_inspect,
    object_from_lookup,
    objects_from_inspect,
    type_element,
    with_lengths,
)
from intacct_protocol.xml.values import Kind
from intacct_protocol.xml.xml import Element, element, parse
from support.protocol.objects import bill, catalog

# shape: LK, DOC (lookup)
LOOKUP = b"""<Type Name="DEPARTMENT" DocumentType="">
  <Fields>
    <Field><ID>DEPARTMENTID</ID><LABEL>Department ID</LABEL><DESCRIPTION>Unique</DESCRIPTION><REQUIRED>true</REQUIRED>
      <READONLY>false</READONLY><DATATYPE>TEXT</DATATYPE><ISCUSTOM>false</ISCUSTOM></Field>
    <Field><ID>STATUS</ID><LABEL>Status</LABEL><DESCRIPTION></DESCRIPTION><REQUIRED>false</REQUIRED>
      <READONLY>false</READONLY><DATATYPE>TEXT</DATATYPE>
      <VALIDVALUES><VALIDVALUE>active</VALIDVALUE><VALIDVALUE>inactive</VALIDVALUE></VALIDVALUES>
      <ISCUSTOM>false</ISCUSTOM></Field>
    <Field><ID>WHENMODIFIED</ID><LABEL/><DESCRIPTION/><REQUIRED>false</REQUIRED><READONLY>true</READONLY>
      <DATATYPE>TIMESTAMP</DATATYPE><ISCUSTOM>false</ISCUSTOM></Field>
    <Field><ID>NEWKIND</ID><LABEL/><DESCRIPTION/><REQUIRED/><READONLY/><DATATYPE>HOLOGRAM</DATATYPE>
      <ISCUSTOM>true</ISCUSTOM></Field>
  </Fields>
  <Relationships>
    <Relationship><OBJECTPATH>MANAGER</OBJECTPATH><OBJECTNAME>EMPLOYEE</OBJECTNAME><LABEL>Manager</LABEL>
      <RELATIONSHIPTYPE>MANY2ONE</RELATIONSHIPTYPE><RELATEDBY>SUPERVISORID</RELATEDBY></Relationship>
  </Relationships>
</Type>"""

# shape: PHP history fixture (inspect, detail=1)
INSPECT = b"""<Type Name="DEPARTMENT"><Attributes><SingularName>Department</SingularName>
  <PluralName>Departments</PluralName><Description>A department</Description></Attributes><Fields>
  <Field><Name>DEPARTMENTID</Name><GroupName/><dataName>Pt_FieldString</dataName>
    <externalDataName>string</externalDataName><isRequired>true</isRequired><isReadOnly>false</isReadOnly>
    <maxLength>20</maxLength><DisplayLabel>Department ID</DisplayLabel><Description/><id>DEPARTMENTID</id></Field>
  <Field><Name>WHENMODIFIED</Name><GroupName/><dataName>Pt_FieldDateTime</dataName>
    <externalDataName>datetime</externalDataName><isRequired>false</isRequired><isReadOnly>true</isReadOnly>
    <maxLength>0</maxLength><DisplayLabel/><Description/><id>WHENMODIFIED</id></Field>
  <Field><Name>ODD</Name><dataName>Pt_FieldDummy</dataName><externalDataName>number</externalDataName>
    <maxLength/></Field>
  </Fields></Type>"""


def test_lookup_is_read() -> None:
    found = object_from_lookup(parse(LOOKUP))
    assert found.name == "DEPARTMENT"
    assert list(found.fields) == ["DEPARTMENTID", "STATUS", "WHENMODIFIED", "NEWKIND"]
    assert found.fields["DEPARTMENTID"] == FieldDef("DEPARTMENTID", Kind.TEXT, "Department ID", "Unique", required=True)
    assert found.fields["STATUS"].values == ("active", "inactive")
    assert found.fields["WHENMODIFIED"].readonly
    assert found.fields["NEWKIND"].kind is Kind.TEXT
    assert found.fields["NEWKIND"].custom
    assert found.relations == {"MANAGER": Relation("MANAGER", "EMPLOYEE", "MANY2ONE", "SUPERVISORID", "Manager")}


def test_lookup_is_written_as_it_is_read() -> None:
    assert object_from_lookup(lookup_element(bill())) == bill()
    read = parse(LOOKUP)
    assert lookup_element(object_from_lookup(read)).attributes == read.attributes


def test_a_lookup_field_keeps_the_gateways_order_of_children() -> None:
    fields = lookup_element(bill()).find("Fields")
    assert fields is not None
    state = fields.children[3]
    assert [child.tag for child in state] == [
        "ID", "LABEL", "DESCRIPTION", "REQUIRED", "READONLY", "DATATYPE", "VALIDVALUES", "ISCUSTOM",
    ]  # fmt: skip


def test_inspect_adds_lengths_to_a_lookup() -> None:
    inspected = object_from_inspect(parse(INSPECT))
    assert {name: one.kind for name, one in inspected.fields.items()} == {
        "DEPARTMENTID": Kind.TEXT,
        "WHENMODIFIED": Kind.TIMESTAMP,
        "ODD": Kind.DECIMAL,
    }
    joined = with_lengths(object_from_lookup(parse(LOOKUP)), inspected)
    assert joined.label == "Department"
    assert joined.fields["DEPARTMENTID"].max_length == 20
    assert joined.fields["WHENMODIFIED"].max_length is None
    assert "ODD" not in joined.fields
    assert joined.fields["STATUS"].values == ("active", "inactive")


def test_inspect_is_written_as_it_is_read() -> None:
    read = object_from_inspect(inspect_element(bill()))
    assert list(read.fields) == list(bill().fields)
    assert read.fields["TOTALDUE"].kind is Kind.DECIMAL
    assert object_from_inspect(inspect_element(read)) == read


def test_the_list_of_objects() -> None:
    data = element("data", type_element("APBILL", "AP Bill"), type_element("GLBATCH", "Journal entry"))
    assert objects_from_inspect(data) == {"APBILL": "AP Bill", "GLBATCH": "Journal entry"}


def test_an_element_that_is_not_a_type_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="<Type"):
        object_from_lookup(Element("errormessage"))


def test_names_are_found_in_any_case() -> None:
    known = catalog()
    assert known.find("apbill").find("totaldue").name == "TOTALDUE"
    assert known.find("APBILL").find("MY_COLOUR").name == "my_colour"
    assert known.find("APBILL").relation("vendor") == Relation("VENDOR", "VENDOR", by="VENDORID")
    assert known.find("APBILL").kind_of("nowhere") is Kind.TEXT


def test_an_unknown_object_is_reported_with_the_nearest_names() -> None:
    with pytest.raises(InvalidRequestError, match=r"no object VENDER; did you mean VENDOR\?") as raised:
        catalog().find("VENDER")
    assert raised.value.exit_status == 2


def test_an_unknown_field_is_reported_with_its_object_and_the_nearest_names() -> None:
    with pytest.raises(InvalidRequestError, match=r"APBILL has no field TOTALDEU; did you mean TOTALDUE\?"):
        bill().find("TOTALDEU")
    with pytest.raises(InvalidRequestError, match=r"(?m)APBILL has no field QQQQ$"):
        bill().find("QQQQ")


def test_a_catalogue_is_replaced_not_changed() -> None:
    before = catalog()
    after = before.with_objects(object_from_lookup(parse(LOOKUP)))
    assert "DEPARTMENT" in after
    assert "DEPARTMENT" not in before
    assert len(after) == len(before) + 1


def test_a_description_pickles() -> None:
    assert pickle.loads(pickle.dumps(bill())) == bill()
