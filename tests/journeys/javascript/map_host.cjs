// Loaded with `node --require`: the SDK accepts only *.intacct.com, so that name is resolved to loopback. Nothing of the
// SDK is changed; it does not know.
const dns = require("dns");
const lookup = dns.lookup;
dns.lookup = (host, options, done) => {
  const call = typeof options === "function" ? options : done;
  const asked = typeof options === "function" ? {} : options;
  if (host === "emulator.intacct.com") {
    const answer = { address: "127.0.0.1", family: 4 };
    return process.nextTick(() => (asked.all ? call(null, [answer]) : call(null, answer.address, answer.family)));
  }
  return call(new Error(`the journey stays on loopback; it asked for ${host}`));
};
