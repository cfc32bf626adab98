package s3;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static s3.Server.MIB;
import static s3.Server.S3;
import static s3.Server.bucket;
import static s3.Server.holds;
import static s3.Server.pattern;
import static s3.Server.put;
import static s3.Server.refused;

import java.io.ByteArrayInputStream;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.model.ChecksumAlgorithm;
import software.amazon.awssdk.services.s3.model.ChecksumMode;
import software.amazon.awssdk.services.s3.model.ChecksumType;
import software.amazon.awssdk.services.s3.model.CommonPrefix;
import software.amazon.awssdk.services.s3.model.HeadObjectResponse;
import software.amazon.awssdk.services.s3.model.MetadataDirective;
import software.amazon.awssdk.services.s3.model.NoSuchBucketException;
import software.amazon.awssdk.services.s3.model.NoSuchKeyException;
import software.amazon.awssdk.services.s3.model.ObjectIdentifier;
import software.amazon.awssdk.services.s3.model.S3Object;

/** Objects by the sync client. */
class Objects {
    @Test
    void anObjectComesBackWithItsMetadata() {
        String bucket = bucket(), key = "dir/a key+ä&?#";
        byte[] body = pattern(70000);
        S3.putObject(r -> r.bucket(bucket).key(key).contentType("text/x-one").cacheControl("no-store").metadata(Map.of("colour", "blue")),
                RequestBody.fromBytes(body));
        HeadObjectResponse head = S3.headObject(r -> r.bucket(bucket).key(key));
        assertEquals(List.of("text/x-one", "no-store", "blue"), List.of(head.contentType(), head.cacheControl(), head.metadata().get("colour")));
        holds(bucket, key, body);
    }

    @Test
    void everyChecksumIsKept() {
        String bucket = bucket();
        byte[] body = pattern(MIB + 3);
        for (ChecksumAlgorithm algorithm : List.of(ChecksumAlgorithm.CRC32, ChecksumAlgorithm.CRC32_C, ChecksumAlgorithm.CRC64_NVME,
                ChecksumAlgorithm.SHA1, ChecksumAlgorithm.SHA256)) {
            S3.putObject(r -> r.bucket(bucket).key("key").checksumAlgorithm(algorithm), RequestBody.fromBytes(body));
            HeadObjectResponse head = S3.headObject(r -> r.bucket(bucket).key("key").checksumMode(ChecksumMode.ENABLED));
            assertNotNull(switch (algorithm) {
                case CRC32 -> head.checksumCRC32();
                case CRC32_C -> head.checksumCRC32C();
                case CRC64_NVME -> head.checksumCRC64NVME();
                case SHA1 -> head.checksumSHA1();
                default -> head.checksumSHA256();
            }, algorithm + " is missing");
            assertEquals(ChecksumType.FULL_OBJECT, head.checksumType());
            holds(bucket, "key", body);
        }
    }

    @Test
    void aStreamIsSentInChunksWithATrailer() {
        String bucket = bucket();
        byte[] body = pattern(2 * MIB + 3);
        S3.putObject(r -> r.bucket(bucket).key("key"), RequestBody.fromInputStream(new ByteArrayInputStream(body), body.length));
        holds(bucket, "key", body);
        assertNull(S3.headObject(r -> r.bucket(bucket).key("key")).contentEncoding());
    }

    @Test
    void aWrongChecksumIsRefused() {
        String bucket = bucket();
        refused("BadDigest", () -> S3.putObject(r -> r.bucket(bucket).key("key").checksumCRC32("AAAAAA=="), RequestBody.fromString("content")));
        assertThrows(NoSuchKeyException.class, () -> S3.headObject(r -> r.bucket(bucket).key("key")));
    }

    @Test
    void ranges() {
        String bucket = bucket();
        put(bucket, "key", "0123456789".getBytes());
        assertEquals("89", S3.getObjectAsBytes(r -> r.bucket(bucket).key("key").range("bytes=8-")).asUtf8String());
        refused("InvalidRange", () -> S3.getObject(r -> r.bucket(bucket).key("key").range("bytes=10-")));
    }

    @Test
    void listingByPagesAndByFolders() {
        String bucket = bucket();
        List<String> want = IntStream.range(0, 25).mapToObj(n -> "dir%d/key %02d".formatted(n / 10, n)).toList();
        want.forEach(key -> put(bucket, key, new byte[0]));
        assertEquals(want, S3.listObjectsV2Paginator(r -> r.bucket(bucket).maxKeys(7)).contents().stream().map(S3Object::key).toList());
        assertEquals(List.of("dir0/", "dir1/", "dir2/"),
                S3.listObjectsV2(r -> r.bucket(bucket).delimiter("/")).commonPrefixes().stream().map(CommonPrefix::prefix).toList());
    }

    @Test
    void copyingAndDeleting() {
        String bucket = bucket();
        byte[] body = pattern(70000);
        put(bucket, "dir/source +1", body);
        S3.copyObject(r -> r.sourceBucket(bucket).sourceKey("dir/source +1").destinationBucket(bucket).destinationKey("copy")
                .metadataDirective(MetadataDirective.REPLACE).metadata(Map.of("colour", "blue")));
        holds(bucket, "copy", body);
        List<ObjectIdentifier> all = S3.listObjectsV2(r -> r.bucket(bucket)).contents().stream()
                .map(o -> ObjectIdentifier.builder().key(o.key()).build()).toList();
        assertEquals(2, S3.deleteObjects(r -> r.bucket(bucket).delete(d -> d.objects(all))).deleted().size());
        S3.deleteBucket(r -> r.bucket(bucket));
    }

    @Test
    void conditionalWrites() {
        String bucket = bucket();
        String etag = S3.putObject(r -> r.bucket(bucket).key("key").ifNoneMatch("*"), RequestBody.fromString("one")).eTag();
        refused("PreconditionFailed", () -> S3.putObject(r -> r.bucket(bucket).key("key").ifNoneMatch("*"), RequestBody.fromString("two")));
        S3.putObject(r -> r.bucket(bucket).key("key").ifMatch(etag), RequestBody.fromString("two"));
        refused("PreconditionFailed", () -> S3.putObject(r -> r.bucket(bucket).key("key").ifMatch(etag), RequestBody.fromString("three")));
        holds(bucket, "key", "two".getBytes());
    }

    @Test
    void errorsHaveTheirClasses() {
        String bucket = bucket();
        assertThrows(NoSuchKeyException.class, () -> S3.getObject(r -> r.bucket(bucket).key("absent")));
        assertThrows(NoSuchBucketException.class, () -> S3.listObjectsV2(r -> r.bucket("no-such-bucket")));
    }
}
