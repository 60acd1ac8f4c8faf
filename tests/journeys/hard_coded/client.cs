// A program in C# that knows no address but Intacct's. It takes the proxy and the authority from its environment.
using var client = new HttpClient();
var content = new StreamContent(Console.OpenStandardInput());
content.Headers.Add("Content-Type", "application/xml");
var answer = await client.PostAsync("https://api.intacct.com/ia/xml/xmlgw.phtml", content);
Console.Write(await answer.Content.ReadAsStringAsync());
