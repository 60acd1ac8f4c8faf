// What a program built on the official SDK does with a gateway; prints one JSON object for the test to judge.
const SDK = require("@intacct/intacct-sdk");
const { Common, Company, GeneralLedger } = SDK.Functions;
const { Filter } = Common.NewQuery.QueryFilter;
const { OrderBuilder } = Common.NewQuery.QueryOrderBy;
const { SelectBuilder } = Common.NewQuery.QuerySelect;

function config(overrides) {
  return Object.assign(new SDK.ClientConfig(), {
    endpointUrl: process.env.INTACCT_ENDPOINT_URL,
    senderId: "demo-sender",
    senderPassword: "demo-sender-password",
    companyId: "demo-company",
    userId: "demo-user",
    userPassword: "demo-user-password",
    ...overrides,
  });
}

async function refused(act) {
  try {
    await act();
    return null;
  } catch (error) {
    return { name: error.constructor.name, message: error.message, errors: error.errors || [] };
  }
}

function query(object, fields, change) {
  const made = new Common.NewQuery.Query();
  made.assignFromObject(object).assignSelectFields(new SelectBuilder().addFields(fields).selects);
  if (change) change(made);
  return made;
}

function classCreate(id, name) {
  return Object.assign(new Company.ClassCreate(), { classId: id, className: name });
}

async function main() {
  const seen = {};
  seen.badPassword = await refused(() => SDK.SessionProvider.factory(config({ userPassword: "wrong" })));
  seen.badSender = await refused(() => SDK.SessionProvider.factory(config({ senderPassword: "wrong" })));

  const session = await SDK.SessionProvider.factory(config());
  seen.session = { endpoint: session.endpointUrl, hasId: Boolean(session.sessionId) };
  const client = new SDK.OnlineClient(session);

  const first = await client.execute(
    query("VENDOR", ["RECORDNO", "VENDORID", "NAME"], (q) => {
      q.assignPageSize(3).assignOffset(2);
      q.assignFilter(new Filter("STATUS").equalTo("active"));
      q.assignOrderBy(new OrderBuilder().addAscending("VENDORID").orders);
    }),
  );
  const page = first.getResult();
  seen.query = { count: page.count, total: page.totalCount, remaining: page.numRemaining, rows: page.data };

  const byQuery = Object.assign(new Common.ReadByQuery(), {
    objectName: "GLACCOUNT",
    fields: ["RECORDNO", "ACCOUNTNO"],
    pageSize: 10,
  });
  let result = (await client.execute(byQuery)).getResult();
  let rows = result.data.length;
  const total = result.totalCount;
  while (result.numRemaining > 0) {
    result = (await client.execute(Object.assign(new Common.ReadMore(), { resultId: result.resultId }))).getResult();
    rows += result.data.length;
  }
  seen.readByQuery = { rows, total };

  const lookup = (await client.execute(Object.assign(new Common.Lookup(), { objectName: "CLASS" }))).getResult();
  seen.lookup = JSON.stringify(lookup.data).includes("CLASSID");

  const made = (await client.execute(classCreate("JS-1", "From JavaScript"))).getResult();
  seen.created = made.data;
  seen.duplicate = await refused(() => client.execute(classCreate("JS-1", "Again")));
  await client.execute(Object.assign(new Company.ClassUpdate(), { classId: "JS-1", className: "Renamed" }));
  const read = Object.assign(new Common.ReadByName(), { objectName: "CLASS", names: ["JS-1"], fields: ["NAME"] });
  seen.updated = (await client.execute(read)).getResult().data;

  const together = Object.assign(new SDK.RequestConfig(), { transaction: true });
  seen.rolledBack = await refused(() =>
    client.executeBatch([classCreate("JS-2", "Goes"), classCreate("JS-1", "Cannot be")], together),
  );
  seen.afterRollback = (await client.execute(Object.assign(new Common.ReadByName(), { objectName: "CLASS", names: ["JS-2"] })))
    .getResult()
    .count;

  const apart = await client.executeBatch([classCreate("JS-3", "Stays"), classCreate("JS-1", "Cannot be")]);
  seen.apart = apart.results.map((one) => one.status);

  const line = (type, account, amount) =>
    Object.assign(new GeneralLedger.JournalEntryLineCreate(), {
      glAccountNumber: account,
      transactionAmount: amount,
      departmentId: process.env.DEPARTMENT || undefined,
      locationId: process.env.LOCATION,
    });
  const entry = Object.assign(new GeneralLedger.JournalEntryCreate(), {
    journalSymbol: "GJ",
    postingDate: new Date(process.env.POSTING_DATE + "T12:00:00Z"),
    description: "From the official SDK",
    lines: [line(1, process.env.ACCOUNT_1, 100.25), line(-1, process.env.ACCOUNT_2, -100.25)],
  });
  seen.journal = (await client.execute(entry)).getResult().data;

  seen.deleted = await refused(() => client.execute(Object.assign(new Company.ClassDelete(), { classId: "JS-1" })));
  await require("./writes.cjs")(client, seen);
  console.log(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
