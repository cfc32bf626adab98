package s3;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static s3.Server.MIB;
import static s3.Server.S3;
import static s3.Server.bucket;
import static s3.Server.holds;
import static s3.Server.pattern;
import static s3.Server.put;
import static s3.Server.refused;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.S3Configuration;
import software.amazon.awssdk.services.s3.model.CompletedPart;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;
import software.amazon.awssdk.transfer.s3.S3TransferManager;

/** Large objects, by the transfer manager over its two clients and by hand; presigned URLs. */
class Transfers {
    @TempDir
    Path folder;

    @Test
    void theTransferManagerOverNetty() throws IOException {
        try (S3AsyncClient client = S3AsyncClient.builder().forcePathStyle(true).multipartEnabled(true)
                .multipartConfiguration(c -> c.minimumPartSizeInBytes(5L * MIB).thresholdInBytes(5L * MIB)).build()) {
            moves(client);
        }
    }

    /** The native client trusts no certificates but the system's, so over https it is told to trust any. */
    @Test
    void theTransferManagerOverTheNativeClient() throws IOException {
        try (S3AsyncClient client = S3AsyncClient.crtBuilder().forcePathStyle(true).endpointOverride(URI.create(Server.ENDPOINT))
                .minimumPartSizeInBytes(5L * MIB).httpConfiguration(h -> h.trustAllCertificatesEnabled(Server.SECURE)).build()) {
            moves(client);
        }
    }

    private void moves(S3AsyncClient client) throws IOException {
        String bucket = bucket();
        byte[] body = pattern(23 * MIB + 5);
        Path up = Files.write(folder.resolve("up"), body), down = folder.resolve("down");
        try (S3TransferManager manager = S3TransferManager.builder().s3Client(client).build()) {
            manager.uploadFile(r -> r.source(up).putObjectRequest(p -> p.bucket(bucket).key("dir/key").contentType("text/x-one")))
                    .completionFuture().join();
            assertEquals("text/x-one", S3.headObject(r -> r.bucket(bucket).key("dir/key")).contentType());
            assertTrue(S3.headObject(r -> r.bucket(bucket).key("dir/key")).eTag().matches("\"[0-9a-f]{32}-\\d+\""), "it is not in parts");
            holds(bucket, "dir/key", body);
            manager.downloadFile(r -> r.destination(down).getObjectRequest(g -> g.bucket(bucket).key("dir/key"))).completionFuture().join();
            assertArrayEquals(body, Files.readAllBytes(down));
            manager.copy(r -> r.copyObjectRequest(c -> c.sourceBucket(bucket).sourceKey("dir/key").destinationBucket(bucket)
                    .destinationKey("copy"))).completionFuture().join();
            holds(bucket, "copy", body);
            var all = manager.downloadDirectory(r -> r.bucket(bucket).destination(folder.resolve("all"))).completionFuture().join();
            assertEquals(List.of(), all.failedTransfers());
            assertArrayEquals(body, Files.readAllBytes(folder.resolve("all/dir/key")));
        }
    }

    @Test
    void partsByHand() {
        String bucket = bucket();
        byte[] body = pattern(5 * MIB + 100);
        String upload = S3.createMultipartUpload(r -> r.bucket(bucket).key("key")).uploadId();
        List<CompletedPart> parts = new ArrayList<>();
        for (int begin = 0; begin < body.length; begin += 5 * MIB) {
            int number = parts.size() + 1;
            byte[] part = Arrays.copyOfRange(body, begin, Math.min(begin + 5 * MIB, body.length));
            var done = S3.uploadPart(r -> r.bucket(bucket).key("key").uploadId(upload).partNumber(number), RequestBody.fromBytes(part));
            parts.add(CompletedPart.builder().partNumber(number).eTag(done.eTag()).checksumCRC32(done.checksumCRC32()).build());
        }
        assertEquals(2, S3.listParts(r -> r.bucket(bucket).key("key").uploadId(upload)).parts().size());
        refused("InvalidPartOrder", () -> S3.completeMultipartUpload(r -> r.bucket(bucket).key("key").uploadId(upload)
                .multipartUpload(m -> m.parts(parts.get(1), parts.get(0)))));
        S3.completeMultipartUpload(r -> r.bucket(bucket).key("key").uploadId(upload).multipartUpload(m -> m.parts(parts)));
        holds(bucket, "key", body);
        refused("NoSuchUpload", () -> S3.abortMultipartUpload(r -> r.bucket(bucket).key("key").uploadId("made-up")));
    }

    @Test
    void presignedURLs() throws Exception {
        String bucket = bucket();
        HttpClient web = HttpClient.newHttpClient();
        put(bucket, "dir/a key+ä&", "content".getBytes());
        try (S3Presigner presigner = S3Presigner.builder().serviceConfiguration(S3Configuration.builder().pathStyleAccessEnabled(true).build()).build()) {
            URI get = presigner.presignGetObject(r -> r.signatureDuration(Duration.ofMinutes(1))
                    .getObjectRequest(g -> g.bucket(bucket).key("dir/a key+ä&"))).url().toURI();
            assertEquals("content", web.send(HttpRequest.newBuilder(get).build(), HttpResponse.BodyHandlers.ofString()).body());
            URI put = presigner.presignPutObject(r -> r.signatureDuration(Duration.ofMinutes(1))
                    .putObjectRequest(p -> p.bucket(bucket).key("new"))).url().toURI();
            HttpRequest.BodyPublisher body = HttpRequest.BodyPublishers.ofString("uploaded");
            assertEquals(200, web.send(HttpRequest.newBuilder(put).PUT(body).build(), HttpResponse.BodyHandlers.ofString()).statusCode());
            URI other = URI.create(put.toString().replace("/new?", "/other?"));
            assertEquals(403, web.send(HttpRequest.newBuilder(other).PUT(body).build(), HttpResponse.BodyHandlers.ofString()).statusCode());
        }
        holds(bucket, "new", "uploaded".getBytes());
    }
}
