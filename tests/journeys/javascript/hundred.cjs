// A hundred classes in one request of the official SDK; prints each result, and what the refused one says.
const SDK = require("@intacct/intacct-sdk");

const config = Object.assign(new SDK.ClientConfig(), {
  endpointUrl: process.env.INTACCT_ENDPOINT_URL,
  senderId: "demo-sender",
  senderPassword: "demo-sender-password",
  companyId: "demo-company",
  userId: "demo-user",
  userPassword: "demo-user-password",
});
const classOf = (number) =>
  Object.assign(new SDK.Functions.Company.ClassCreate(), { classId: `C-${number}`, className: `Class ${number}` });

async function main() {
  const client = new SDK.OnlineClient(await SDK.SessionProvider.factory(config));
  const answer = await client.executeBatch([...Array(100).keys()].map(classOf));
  const told = answer.results.map((one) => ({ status: one.status, errors: one.errors || [] }));
  console.log(JSON.stringify(told));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
