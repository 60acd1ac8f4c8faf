"""Rewrite the generated pages and the picture of docs/."""

from pathlib import Path

import architecture
import company_files
import control_api
import destinations
import emulator_settings
import fidelity
import library_reference
import operations
import unified_schemas
from reference import commands_page, errors_page

docs = Path(__file__).parent.parent / "docs"
(docs / "reference").mkdir(parents=True, exist_ok=True)
(docs / "errors.md").write_text(errors_page(), encoding="utf-8")
(docs / "reference" / "commands.md").write_text(commands_page(), encoding="utf-8")
fidelity.PAGE.write_text(fidelity.page(), encoding="utf-8")
company_files.PAGE.write_text(company_files.page(), encoding="utf-8")
emulator_settings.PAGE.write_text(emulator_settings.page(), encoding="utf-8")
control_api.PAGE.write_text(control_api.page(), encoding="utf-8")
control_api.DOCUMENT.write_text(control_api.openapi(), encoding="utf-8")
destinations.PAGE.write_text(destinations.page(), encoding="utf-8")
library_reference.PAGE.write_text(library_reference.page(), encoding="utf-8")
unified_schemas.PAGE.write_text(unified_schemas.page(), encoding="utf-8")
operations.PAGE.write_text(operations.page(), encoding="utf-8")
operations.LIST.write_text(operations.listing(), encoding="utf-8")
architecture.PICTURE.parent.mkdir(exist_ok=True)
architecture.PICTURE.write_text(architecture.picture(), encoding="utf-8")
