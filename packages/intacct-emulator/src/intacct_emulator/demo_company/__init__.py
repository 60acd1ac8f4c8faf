"""The demo company: 24 months of a maker of measuring instruments."""
