"""Faults count functions, and are addressed by object, key or field: one record fails and the others do not."""

from pathlib import Path

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.faults import ScriptedFault, load_faults
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.reply import ConnectionCutError
from support.emulator.calls import data, element, one, query, results, rows

TOO_LARGE = ScriptedFault(
    "fault",
    object="VENDOR",
    key="V-17",
    field="CREDITLIMIT",
    errorno="BL03000018",
    description="Invalid credit limit",
    text="The credit limit of the vendor is too large",
    correction="Enter a smaller credit limit.",
)


def company(*faults: ScriptedFault) -> Emulator:
    return Emulator.empty(faults=faults, sleep=lambda _: None)


def vendor(number: int) -> str:
    contact = f"<PRINTAS>Vendor {number}</PRINTAS>"
    return element(
        "VENDOR", VENDORID=f"V-{number}", NAME=f"Vendor {number}", CREDITLIMIT=number, DISPLAYCONTACT=contact
    )


def klass(number: int) -> str:
    return element("CLASS", CLASSID=f"C-{number}", NAME=f"Class {number}")


def stored(emulator: Emulator, name: str, field: str) -> list[str]:
    return [row[field] for row in rows(data(emulator, query(name, field, more="<pagesize>200</pagesize>")))]


def test_a_request_with_three_functions_counts_three() -> None:
    emulator = company(ScriptedFault("fault", "create", calls=(3, 5)))
    ran = [one.status for one in results(emulator, *(f"<create>{klass(n)}</create>" for n in (1, 2, 3)))]
    assert ran == ["success", "success", "failure"]
    ran = [one.status for one in results(emulator, *(f"<create>{klass(n)}</create>" for n in (4, 5, 6)))]
    assert ran == ["success", "failure", "success"]
    assert stored(emulator, "CLASS", "CLASSID") == ["C-1", "C-2", "C-4", "C-6"]
    emulator.close()


def test_a_fault_of_the_whole_request_waits_for_the_counted_function() -> None:
    emulator = company(ScriptedFault("cut-before", "create", calls=(4,)))
    results(emulator, *(f"<create>{klass(n)}</create>" for n in (1, 2, 3)))
    with pytest.raises(ConnectionCutError):
        results(emulator, *(f"<create>{klass(n)}</create>" for n in (4, 5)))
    assert stored(emulator, "CLASS", "CLASSID") == ["C-1", "C-2", "C-3"]
    emulator.close()


def test_a_fault_by_chance_cuts_a_request_once_however_many_functions_it_has() -> None:
    cut = 0
    for seed in range(40):
        emulator = Emulator.empty(faults=(ScriptedFault("cut-before", "create", chance=0.3),), seed=seed)
        try:
            results(emulator, *(f"<create>{klass(n)}</create>" for n in range(10)))
        except ConnectionCutError:
            cut += 1
        emulator.close()
    assert 4 < cut < 22


def test_one_record_of_a_hundred_in_one_function_fails() -> None:
    # shape: a partial create counts its keys and has the errors (SDK ClassObjTest)
    emulator = company(TOO_LARGE)
    result = one(emulator, f"<create>{''.join(map(vendor, range(100)))}</create>")
    assert result.status == "failure"
    assert result.data is not None
    assert result.data.get("count") == "99"
    assert [(fault.errorno, fault.text) for fault in result.faults] == [
        ("BL03000018", "The credit limit of the vendor is too large"),
        ("BL01001973", "Could not create Vendor record!"),
    ]
    (scripted, _) = result.faults
    assert (scripted.description, scripted.correction) == ("Invalid credit limit", "Enter a smaller credit limit.")
    assert scripted.field == "CREDITLIMIT"
    assert sorted(stored(emulator, "VENDOR", "VENDORID")) == sorted(f"V-{n}" for n in range(100) if n != 17)
    emulator.close()


def test_one_of_a_hundred_functions_fails() -> None:
    emulator = company(TOO_LARGE)
    ran = results(emulator, *(f"<create>{vendor(n)}</create>" for n in range(100)))
    assert [place for place, result in enumerate(ran) if result.status != "success"] == [17]
    assert ran[17].faults[0].errorno == "BL03000018"
    assert one(emulator, f"<create>{vendor(17)}</create>").status == "success"
    emulator.close()


LEGACY = "<create_vendor><vendorid>V-{0}</vendorid><name>Vendor {0}</name></create_vendor>"
UPDATE = "<update><VENDOR><VENDORID>V-{0}</VENDORID><NAME>New {0}</NAME></VENDOR></update>"
LEGACY_UPDATE = '<update_vendor vendorid="V-{0}"><name>New {0}</name></update_vendor>'
LEGACY_DELETE = '<delete_vendor vendorid="V-{0}"></delete_vendor>'


@pytest.mark.parametrize(
    ("function", "form", "object_name"),
    [
        ("create_vendor", LEGACY, "VENDOR"),
        ("update", UPDATE, "vendor"),
        ("update_vendor", LEGACY_UPDATE, "VENDOR"),
        ("delete_vendor", LEGACY_DELETE, "VENDOR"),
    ],
)
def test_every_kind_of_write_is_addressed_by_its_key(function: str, form: str, object_name: str) -> None:
    emulator = company(ScriptedFault("fault", function, object=object_name, key="v-2", errorno="BL01001973", text="No"))
    if form is not LEGACY:
        assert all(result.status == "success" for result in results(emulator, *map(LEGACY.format, (1, 2, 3))))
    ran = results(emulator, *map(form.format, (1, 2, 3)))
    assert [result.status for result in ran] == ["success", "failure", "success"]
    assert [fault.text for fault in ran[1].faults][:1] == ["No"]
    emulator.close()


def test_one_key_of_a_delete_fails() -> None:
    emulator = company(ScriptedFault("fault", "delete", object="CLASS", key="2", errorno="BL01001973", text="In use"))
    one(emulator, f"<create>{''.join(map(klass, (1, 2, 3)))}</create>")
    result = one(emulator, "<delete><object>CLASS</object><keys>1,2,3</keys></delete>")
    assert [fault.text for fault in result.faults] == ["In use"]
    assert stored(emulator, "CLASS", "RECORDNO") == ["2"]
    emulator.close()


def test_a_legacy_name_means_the_same_object() -> None:
    for name in ("bill", "APBILL"):
        emulator = company(ScriptedFault("fault", object=name, calls=(), text="No bills"))
        result = one(emulator, query("APBILL", "RECORDNO"))
        assert [fault.text for fault in result.faults] == ["No bills"]
        emulator.close()


def test_records_are_addressed_by_the_value_of_a_field() -> None:
    fault = ScriptedFault("fault", "create", field="PRINTAS", value="Vendor 4", calls=(), errorno="BL03000018")
    emulator = company(fault)
    result = one(emulator, f"<create>{''.join(map(vendor, range(6)))}{klass(4)}</create>")
    assert result.data is not None
    assert result.data.get("count") == "6"
    assert sorted(stored(emulator, "VENDOR", "VENDORID")) == ["V-0", "V-1", "V-2", "V-3", "V-5"]
    emulator.close()


def test_records_are_counted_when_the_fault_is_about_records() -> None:
    emulator = company(ScriptedFault("fault", "create", object="VENDOR", key="*", calls=(2, 5), errorno="BL01001973"))
    one(emulator, f"<create>{klass(1)}{''.join(map(vendor, range(3)))}</create>")
    one(emulator, f"<create>{''.join(map(vendor, range(3, 6)))}</create>")
    assert sorted(stored(emulator, "VENDOR", "VENDORID")) == ["V-0", "V-2", "V-3", "V-5"]
    assert stored(emulator, "CLASS", "CLASSID") == ["C-1"]
    emulator.close()


def test_an_object_in_a_mixed_create_fails_and_the_others_do_not() -> None:
    emulator = company(ScriptedFault("fault", "create", object="VENDOR", errorno="BL01001973", text="No vendors"))
    one(emulator, f"<create>{klass(1)}{vendor(1)}{klass(2)}</create>")
    assert stored(emulator, "CLASS", "CLASSID") == ["C-1", "C-2"]
    assert stored(emulator, "VENDOR", "VENDORID") == []
    emulator.close()


def test_a_field_of_a_query_is_addressed_too() -> None:
    emulator = company(ScriptedFault("fault", "query", object="CLASS", field="NAME", calls=(), errorno="XL03000006"))
    assert one(emulator, query("CLASS", "CLASSID")).status == "success"
    assert one(emulator, query("CLASS", "CLASSID NAME")).faults[0].errorno == "XL03000006"
    assert one(emulator, query("DEPARTMENT", "DEPARTMENTID TITLE")).status == "success"
    emulator.close()


def test_a_scripted_error_rolls_a_transaction_back() -> None:
    emulator = company(ScriptedFault("fault", "create", key="C-2", errorno="BL01001973", text="No"))
    ran = results(emulator, *(f"<create>{klass(n)}</create>" for n in (1, 2, 3)), transaction=True)
    assert [result.status for result in ran] == ["aborted", "failure", "aborted"]
    assert stored(emulator, "CLASS", "CLASSID") == []
    emulator.close()


def test_the_plan_tells_how_often_each_fault_was_reached() -> None:
    emulator = company(TOO_LARGE, ScriptedFault("fault", "create", key="V-99"))
    one(emulator, f"<create>{''.join(map(vendor, range(20)))}</create>")
    assert [(count.matched, count.happened) for _, count in emulator.fault_plan.counts()] == [(1, 1), (0, 0)]
    emulator.close()


def test_a_file_scripts_an_error_for_one_record(tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(
        '[[fault]]\nkind = "fault"\nobject = "VENDOR"\nkey = "V-17"\nfield = "CREDITLIMIT"\nerrorno = "BL03000018"\n'
        'description = "Invalid credit limit"\ntext = "The credit limit of the vendor is too large"\n'
        'correction = "Enter a smaller credit limit."\ncalls = 1\n'
    )
    assert load_faults(path) == (TOO_LARGE,)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[fault]]\nkind = "fault"\nobjekt = "VENDOR"\n', "fault 1: unknown setting objekt; did you mean object"),
        ('[[fault]]\nkind = "slowly"\n', "fault 1.kind cannot be 'slowly'; did you mean slow"),
        ('[[fault]]\nkind = "http"\nstatus = "429"\n', r"fault 1.status cannot be '429'"),
        ('[[fault]]\nobject = "VENDOR"\n', "fault 1 needs kind"),
        ('[[faults]]\nkind = "http"\n', "unknown table faults"),
        ('[fault]\nkind = "http"\n', "fault must be a list of tables"),
        ('[[fault]]\nkind = "http"\nchance = 5\n', "fault 1.chance cannot be 5"),
        ('[[fault]]\nkind = "http"\nheaders = ["a"]\n', "fault 1.headers cannot be"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_fault(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=says) as refused:
        load_faults(path)
    assert str(path) in str(refused.value)


def test_a_function_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SettingsError, match="fault 1 waits for the function creat, which does not exist; did you mean"):
        Emulator.empty(faults=(ScriptedFault("fault", "creat"),))
