import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Makes a topic, writes to it, and reads what was written, with a consumer group. Arguments: BROKERS, number of records. */
public final class KafkaRoundTrip {
  private static final int PARTITIONS = 3;
  private static final long SECONDS_MAX = 60;

  public static void main(String[] arguments) throws Exception {
    String brokers = arguments[0];
    int count = Integer.parseInt(arguments[1]);
    String topic = "topic-" + UUID.randomUUID();
    Map<String, Object> common = Map.of("bootstrap.servers", brokers);
    try (Admin admin = Admin.create(common)) {
      admin.createTopics(List.of(new NewTopic(topic, PARTITIONS, (short) 1))).all().get(SECONDS_MAX, TimeUnit.SECONDS);
      produce(brokers, topic, count);
      Set<Integer> values = consume(brokers, topic, count);
      if (values.size() != count) throw new AssertionError(values.size() + " of " + count + " records came back");
      admin.deleteTopics(List.of(topic)).all().get(SECONDS_MAX, TimeUnit.SECONDS);
    }
    System.out.println("round trip of " + count + " records over " + PARTITIONS + " partitions");
  }

  private static void produce(String brokers, String topic, int count) throws Exception {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", brokers);
    try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer())) {
      Future<RecordMetadata> last = null;
      for (int index = 0; index < count; index++) {
        last = producer.send(new ProducerRecord<>(topic, Integer.toString(index), Integer.toString(index)));
      }
      producer.flush();
      last.get(SECONDS_MAX, TimeUnit.SECONDS);
    }
  }

  private static Set<Integer> consume(String brokers, String topic, int count) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", brokers);
    properties.put("group.id", "group-" + topic);
    properties.put("auto.offset.reset", "earliest");
    Set<Integer> values = new TreeSet<>();
    try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer())) {
      consumer.subscribe(List.of(topic));
      long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS_MAX);
      while (values.size() < count && System.nanoTime() < until) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(500))) values.add(Integer.parseInt(record.value()));
      }
    }
    return values;
  }
}
