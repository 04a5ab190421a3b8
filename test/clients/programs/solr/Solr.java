import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.apache.solr.client.solrj.SolrQuery;
import org.apache.solr.client.solrj.impl.CloudSolrClient;
import org.apache.solr.client.solrj.request.CollectionAdminRequest;
import org.apache.solr.common.SolrInputDocument;
import org.apache.solr.common.cloud.Replica;
import org.apache.solr.common.cloud.SolrZkClient;
import org.apache.solr.common.cloud.ZkMaintenanceUtils;
import org.apache.solr.embedded.JettyConfig;
import org.apache.solr.embedded.JettySolrRunner;

/**
 * A node of SolrCloud, or what its users do: `node ZKHOST HOME PORT`, `create ZKHOST FOLDER`, `work ZKHOST FROM COUNT`. ZKHOST has a chroot.
 */
public final class Solr {
  private static final String COLLECTION = "books";

  public static void main(String[] arguments) throws Exception {
    String zkHost = arguments[1];
    switch (arguments[0]) {
      case "node":
        serve(zkHost, Path.of(arguments[2]), Integer.parseInt(arguments[3]));
        break;
      case "create":
        create(zkHost, Path.of(arguments[2]));
        break;
      case "work":
        work(zkHost, Integer.parseInt(arguments[2]), Integer.parseInt(arguments[3]));
        break;
      default:
        throw new IllegalArgumentException(arguments[0]);
    }
    System.exit(0);
  }

  private static void serve(String zkHost, Path home, int port) throws Exception {
    write(
        home.resolve("solr.xml"),
        "<solr><solrcloud><str name='host'>127.0.0.1</str><int name='hostPort'>${hostPort:0}</int>"
            + "<str name='hostContext'>/solr</str><int name='zkClientTimeout'>10000</int></solrcloud></solr>");
    System.setProperty("zkHost", zkHost);
    JettyConfig config = new JettyConfig.Builder().setPort(port).setContext("/solr").stopAtShutdown(true).build();
    new JettySolrRunner(home.toString(), config).start();
    System.out.println("ready");
    Thread.sleep(Long.MAX_VALUE);
  }

  private static void write(Path path, String text) throws Exception {
    Files.createDirectories(path.getParent());
    Files.write(path, text.getBytes(StandardCharsets.UTF_8));
  }

  private static CloudSolrClient connect(String zkHost) {
    int slash = zkHost.indexOf('/');
    List<String> hosts = List.of(zkHost.substring(0, slash).split(","));
    return new CloudSolrClient.Builder(hosts, Optional.of(zkHost.substring(slash))).build();
  }

  private static void create(String zkHost, Path folder) throws Exception {
    write(
        folder.resolve("solrconfig.xml"),
        "<config><luceneMatchVersion>9.12</luceneMatchVersion><schemaFactory class='ClassicIndexSchemaFactory'/>"
            + "<updateHandler class='solr.DirectUpdateHandler2'><updateLog/></updateHandler>"
            + "<requestHandler name='/select' class='solr.SearchHandler'/></config>");
    write(
        folder.resolve("schema.xml"),
        "<schema name='books' version='1.6'><fieldType name='string' class='solr.StrField'/>"
            + "<fieldType name='long' class='solr.LongPointField' docValues='true'/>"
            + "<field name='id' type='string' indexed='true' stored='true' required='true'/>"
            + "<field name='_version_' type='long' indexed='false' stored='false'/>"
            + "<field name='title' type='string' indexed='true' stored='true'/><uniqueKey>id</uniqueKey></schema>");
    try (SolrZkClient zk =
        new SolrZkClient.Builder().withUrl(zkHost).withTimeout(10, TimeUnit.SECONDS).build()) {
      ZkMaintenanceUtils.uploadToZK(zk, folder, "/configs/books", null);
    }
    try (CloudSolrClient client = connect(zkHost)) {
      CollectionAdminRequest.createCollection(COLLECTION, "books", 1, 2).process(client);
    }
  }

  /** Adds books by the shard's leader, and finds all of them in each replica that is active. */
  private static void work(String zkHost, int from, int count) throws Exception {
    try (CloudSolrClient client = connect(zkHost)) {
      List<SolrInputDocument> books = new ArrayList<>();
      for (int id = from; id < from + count; id++) {
        SolrInputDocument book = new SolrInputDocument();
        book.addField("id", String.valueOf(id));
        book.addField("title", "book " + id);
        books.add(book);
      }
      client.add(COLLECTION, books);
      client.commit(COLLECTION);
      int active = 0;
      for (Replica replica : client.getClusterState().getCollection(COLLECTION).getReplicas()) {
        if (!replica.isActive(client.getClusterState().getLiveNodes())) continue;
        SolrQuery query = new SolrQuery("*:*").setRows(0).setParam("shards", replica.getCoreUrl());
        long found = client.query(COLLECTION, query).getResults().getNumFound();
        if (found != from + count) throw new AssertionError(replica.getName() + " has " + found + " books");
        active++;
      }
      System.out.println((from + count) + " books in each of " + active + " replicas");
    }
  }
}
