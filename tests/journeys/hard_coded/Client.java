// A program in Java that knows no address but Intacct's. The JVM is told of the proxy and the authority.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.ProxySelector;

public class Client {
    public static void main(String[] arguments) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create("https://api.intacct.com/ia/xml/xmlgw.phtml"))
            .header("Content-Type", "application/xml")
            .POST(HttpRequest.BodyPublishers.ofByteArray(System.in.readAllBytes()))
            .build();
        HttpClient client = HttpClient.newBuilder().proxy(ProxySelector.getDefault()).build();
        System.out.print(client.send(request, HttpResponse.BodyHandlers.ofString()).body());
    }
}
