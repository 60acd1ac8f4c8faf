# A program in Ruby that knows no address but Intacct's. It takes the proxy and the authority from its environment.
require "net/http"
answer = Net::HTTP.post(
  URI("https://api.intacct.com/ia/xml/xmlgw.phtml"), $stdin.read, "Content-Type" => "application/xml"
)
puts answer.body
