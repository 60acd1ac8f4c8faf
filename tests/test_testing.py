"""`intacct_bridge.testing`, as a user's own tests would use it."""

from intacct_bridge.testing import empty_company


def test_a_users_program_meets_a_company_in_memory() -> None:
    with empty_company() as company:
        client = company.client()
        (outcome,) = client.create("CLASS", [{"CLASSID": "R", "NAME": "Retail"}])
        assert outcome.ok
        assert [row["NAME"] for row in company.client(read_only=True).query("CLASS")] == ["Retail"]
        (sent,) = company.received("create")
        assert sent.children[0].findtext("CLASSID") == "R"
        assert len(company.received()) > 2


def test_what_the_company_was_sent_holds_no_password() -> None:
    with empty_company() as company:
        company.client().sign_in()
        bodies = b"".join(request.body for request in company.emulator.received)
        assert b"demo-user-password" not in bodies
