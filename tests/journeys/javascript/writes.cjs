// Bills, invoices, money both ways, parties and attachments by the official SDK; what came back goes into `seen`.
const fs = require("fs");
const SDK = require("@intacct/intacct-sdk");
const { AccountsPayable, AccountsReceivable, Company } = SDK.Functions;

const day = new Date(process.env.POSTING_DATE + "T12:00:00Z");
const due = new Date(day.getTime() + 30 * 86400 * 1000);
const make = (type, cells) => Object.assign(new type(), cells);
const where = { locationId: process.env.BRANCH, departmentId: process.env.DEPARTMENT_ID };

async function keyOf(client, act) {
  const result = (await client.execute(act)).getResult();
  return result.key || result.data[0].RECORDNO;
}

async function payables(client, seen) {
  await client.execute(
    make(AccountsPayable.VendorCreate, { vendorId: "JS-V", vendorName: "By the SDK", printAs: "By the SDK", active: true }),
  );
  const line = make(AccountsPayable.BillLineCreate, { glAccountNumber: "60500", transactionAmount: 120.5, ...where });
  const bill = { vendorId: "JS-V", transactionDate: day, dueDate: due, billNumber: "JS-B1", lines: [line] };
  seen.bill = await keyOf(client, make(AccountsPayable.BillCreate, bill));
  const detail = new AccountsPayable.ApPaymentDetailBill(
    make(AccountsPayable.ApPaymentDetailBillInfo, { recordNo: seen.bill, paymentAmount: 20.5 }),
  );
  const payment = make(AccountsPayable.ApPaymentInfo, {
    paymentMethod: "EFT",
    financialEntityId: "CHK-INS",
    vendorId: "JS-V",
    paymentDate: day,
    transactionCurrency: "USD",
    apPaymentDetails: [detail],
  });
  seen.payment = await keyOf(client, new AccountsPayable.ApPaymentCreate(payment, "js-payment"));
  const spare = { ...bill, billNumber: "JS-B2" };
  const second = await keyOf(client, make(AccountsPayable.BillCreate, spare));
  await client.execute(make(AccountsPayable.BillReverse, { recordNo: second, reverseDate: day }));
  seen.reversed = second;
}

async function receivables(client, seen) {
  await client.execute(
    make(AccountsReceivable.CustomerCreate, { customerId: "JS-C", customerName: "Theirs", printAs: "Theirs", active: true }),
  );
  const line = make(AccountsReceivable.InvoiceLineCreate, { glAccountNumber: "41100", transactionAmount: 75, ...where });
  const invoice = { customerId: "JS-C", transactionDate: day, dueDate: due, invoiceNumber: "JS-I1", lines: [line] };
  seen.invoice = await keyOf(client, make(AccountsReceivable.InvoiceCreate, invoice));
  const item = make(AccountsReceivable.ArPaymentItem, { applyToRecordId: seen.invoice, amountToApply: 75 });
  const receipt = {
    customerId: "JS-C",
    transactionPaymentAmount: 100,
    bankAccountId: "CHK-INS",
    receivedDate: day,
    paymentMethod: "EFT",
    applyToTransactions: [item],
  };
  seen.receipt = await keyOf(client, make(AccountsReceivable.ArPaymentCreate, receipt));
}

async function attachments(client, seen) {
  fs.writeFileSync("note.txt", "hello");
  await client.execute(make(Company.AttachmentsFolderCreate, { folderName: "JS" }));
  const file = make(Company.AttachmentFile, { filePath: "note.txt" });
  const cells = { attachmentsId: "JS-A", attachmentsName: "JS-A", attachmentFolderName: "JS", files: [file] };
  seen.attachment = await keyOf(client, make(Company.AttachmentsCreate, cells));
  await client.execute(make(Company.AttachmentsDelete, { attachmentsId: "JS-A" }));
}

module.exports = async (client, seen) => {
  await payables(client, seen);
  await receivables(client, seen);
  await attachments(client, seen);
};
