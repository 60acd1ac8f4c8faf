// The official SDK with nothing but credentials: its own address, and so the proxy that the environment names.
const SDK = require("@intacct/intacct-sdk");
const { Common, Company } = SDK.Functions;

async function main() {
  const config = Object.assign(new SDK.ClientConfig(), {
    senderId: "demo-sender",
    senderPassword: "demo-sender-password",
    companyId: "demo-company",
    userId: "demo-user",
    userPassword: "demo-user-password",
  });
  const session = await SDK.SessionProvider.factory(config);
  const client = new SDK.OnlineClient(session);
  await client.execute(Object.assign(new Company.ClassCreate(), { classId: "JS-1", className: "By proxy" }));
  const read = Object.assign(new Common.ReadByName(), { objectName: "CLASS", names: ["JS-1"], fields: ["NAME"] });
  const rows = (await client.execute(read)).getResult().data;
  console.log(JSON.stringify({ endpoint: session.endpointUrl, rows }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
