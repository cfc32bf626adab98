package s3;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static s3.Server.MIB;
import static s3.Server.bucket;
import static s3.Server.pattern;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.net.URI;
import java.util.Arrays;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.Test;

/** Hadoop's s3a file system, as Spark, Hive and Flink use it. */
class Hadoop {
    private static FileSystem fs() throws IOException {
        Configuration c = new Configuration();
        c.set("fs.s3a.endpoint", Server.ENDPOINT);
        c.set("fs.s3a.endpoint.region", "us-east-1");
        c.setBoolean("fs.s3a.path.style.access", true);
        c.setBoolean("fs.s3a.connection.ssl.enabled", Server.SECURE);
        c.set("fs.s3a.access.key", System.getenv("AWS_ACCESS_KEY_ID"));
        c.set("fs.s3a.secret.key", System.getenv("AWS_SECRET_ACCESS_KEY"));
        c.set("fs.s3a.multipart.size", "5M");
        c.set("fs.s3a.multipart.threshold", "5M");
        return FileSystem.newInstance(URI.create("s3a://" + bucket() + "/"), c);
    }

    private static void write(FileSystem fs, String path, byte[] body) throws IOException {
        try (FSDataOutputStream out = fs.create(new Path(path))) {
            out.write(body);
        }
    }

    private static byte[] read(FileSystem fs, String path) throws IOException {
        try (FSDataInputStream in = fs.open(new Path(path))) {
            return in.readAllBytes();
        }
    }

    @Test
    void filesAreWrittenAndRead() throws IOException {
        try (FileSystem fs = fs()) {
            for (int size : List.of(0, 1000, 12 * MIB + 1)) {
                write(fs, "/dir/a file of " + size, pattern(size));
                assertArrayEquals(pattern(size), read(fs, "/dir/a file of " + size));
            }
            byte[] body = pattern(12 * MIB + 1), some = new byte[1000];
            try (FSDataInputStream in = fs.open(new Path("/dir/a file of " + body.length))) {
                in.readFully(7 * MIB - 500, some);
                assertArrayEquals(Arrays.copyOfRange(body, 7 * MIB - 500, 7 * MIB + 500), some);
            }
        }
    }

    @Test
    void foldersAreListedRenamedAndDeleted() throws IOException {
        try (FileSystem fs = fs()) {
            assertTrue(fs.mkdirs(new Path("/empty/folder")));
            for (int n = 0; n < 5; n++) {
                write(fs, "/job/_temporary/part-" + n, pattern(1000 + n));
            }
            assertTrue(fs.rename(new Path("/job/_temporary"), new Path("/job/done")));
            assertFalse(fs.exists(new Path("/job/_temporary")));
            List<String> names = Arrays.stream(fs.listStatus(new Path("/job/done"))).map(FileStatus::getPath).map(Path::getName).toList();
            assertEquals(List.of("part-0", "part-1", "part-2", "part-3", "part-4"), names);
            assertArrayEquals(pattern(1004), read(fs, "/job/done/part-4"));
            assertTrue(fs.getFileStatus(new Path("/empty/folder")).isDirectory());
            assertEquals(5, fs.getContentSummary(new Path("/job")).getFileCount());
            assertTrue(fs.delete(new Path("/job"), true));
            assertThrows(FileNotFoundException.class, () -> fs.getFileStatus(new Path("/job/done")));
            assertThrows(FileNotFoundException.class, () -> fs.open(new Path("/job/done/part-0")).read());
        }
    }

    @Test
    void aFileIsNotOverwrittenUnasked() throws IOException {
        try (FileSystem fs = fs()) {
            write(fs, "/file", pattern(10));
            assertThrows(FileAlreadyExistsException.class, () -> fs.create(new Path("/file"), false));
            FSDataOutputStream late = (FSDataOutputStream) fs.createFile(new Path("/new")).overwrite(true).must("fs.option.create.conditional.overwrite", true).build();
            late.write(1);
            write(fs, "/new", pattern(10));
            assertThrows(IOException.class, late::close);
            assertArrayEquals(pattern(10), read(fs, "/new"));
        }
    }
}
