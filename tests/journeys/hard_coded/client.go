// A program in Go that knows no address but Intacct's. It takes the proxy and the authority from its environment.
package main

import (
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	answer, err := http.Post("https://api.intacct.com/ia/xml/xmlgw.phtml", "application/xml", os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	if _, err = io.Copy(os.Stdout, answer.Body); err != nil {
		log.Fatal(err)
	}
}
