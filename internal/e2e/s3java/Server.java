package s3;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.function.Executable;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.S3Exception;

/** The server under test, seen through the SDK with its defaults. Endpoint and credentials come from the environment. */
final class Server {
    static final String ENDPOINT = System.getenv("AWS_ENDPOINT_URL");
    static final boolean SECURE = ENDPOINT.startsWith("https:");
    static final int MIB = 1 << 20;
    static final S3Client S3 = S3Client.builder().forcePathStyle(true).build();

    private static final AtomicInteger buckets = new AtomicInteger();

    private Server() {}

    /** A new bucket. */
    static String bucket() {
        String name = "case-" + ProcessHandle.current().pid() + "-" + buckets.incrementAndGet();
        S3.createBucket(r -> r.bucket(name));
        return name;
    }

    static void put(String bucket, String key, byte[] body) {
        S3.putObject(r -> r.bucket(bucket).key(key), RequestBody.fromBytes(body));
    }

    /** key must have this content. The SDK checks what it reads against the checksum that the server keeps. */
    static void holds(String bucket, String key, byte[] want) {
        assertArrayEquals(want, S3.getObjectAsBytes(r -> r.bucket(bucket).key(key)).asByteArrayUnsafe());
    }

    /** call must be refused with this code of S3. */
    static void refused(String code, Executable call) {
        S3Exception error = assertThrows(S3Exception.class, call);
        assertEquals(code, error.awsErrorDetails().errorCode(), error.getMessage());
    }

    /** size bytes that do not repeat at part boundaries. */
    static byte[] pattern(int size) {
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++) {
            bytes[i] = (byte) (i * 131 + (i >> 8) * 17 + (i >> 16) * 29);
        }
        return bytes;
    }
}
