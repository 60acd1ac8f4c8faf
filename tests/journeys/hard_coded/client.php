<?php
// A program in PHP that knows no address but Intacct's. It takes the proxy and the authority from its environment.
$address = "https://api.intacct.com/ia/xml/xmlgw.phtml";
$call = curl_init($address);
curl_setopt_array($call, [
    CURLOPT_POST => true,
    CURLOPT_POSTFIELDS => stream_get_contents(STDIN),
    CURLOPT_HTTPHEADER => ["Content-Type: application/xml"],
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_CAINFO => getenv("CURL_CA_BUNDLE"),
]);
$answer = curl_exec($call);
if ($answer === false) {
    fwrite(STDERR, curl_error($call));
    exit(1);
}
echo $answer;
