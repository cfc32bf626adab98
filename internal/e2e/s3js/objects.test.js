import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import {
  CopyObjectCommand, DeleteBucketCommand, DeleteObjectsCommand, GetObjectCommand, HeadObjectCommand, NoSuchKey, PutObjectCommand,
  paginateListObjectsV2, waitUntilObjectExists,
} from "@aws-sdk/client-s3";
import { MIB, bucket, holds, pattern, put, refused, s3 } from "./client.js";

test("an object comes back with its metadata", async () => {
  const Bucket = await bucket(), Key = "dir/a key+ä&?#", body = pattern(70000);
  await put(Bucket, Key, body, { ContentType: "text/x-one", CacheControl: "no-store", Metadata: { colour: "blue" } });
  const answer = await holds(Bucket, Key, body);
  assert.equal(answer.ContentType, "text/x-one");
  assert.equal(answer.CacheControl, "no-store");
  assert.deepEqual(answer.Metadata, { colour: "blue" });
  await waitUntilObjectExists({ client: s3, maxWaitTime: 10 }, { Bucket, Key });
});

test("every checksum is kept; without a wish it is CRC32", async () => {
  const Bucket = await bucket(), body = pattern(MIB + 3);
  for (const ChecksumAlgorithm of [undefined, "CRC32", "CRC32C", "SHA1", "SHA256"]) {
    await put(Bucket, "key", body, { ChecksumAlgorithm });
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: "key", ChecksumMode: "ENABLED" }));
    assert.ok(head[`Checksum${ChecksumAlgorithm ?? "CRC32"}`], `${ChecksumAlgorithm} is missing`);
    assert.equal(head.ChecksumType, "FULL_OBJECT");
    await holds(Bucket, "key", body);
  }
});

test("a stream is sent in chunks with a trailer", async () => {
  const Bucket = await bucket(), body = pattern(2 * MIB + 3);
  await put(Bucket, "key", Readable.from([body.subarray(0, MIB), body.subarray(MIB)]), { ContentLength: body.length });
  const answer = await holds(Bucket, "key", body);
  assert.equal(answer.ContentEncoding, undefined);
});

test("a wrong checksum is refused", async () => {
  const Bucket = await bucket();
  await refused("BadDigest", put(Bucket, "key", "content", { ChecksumCRC32: "AAAAAA==" }));
  await refused("NotFound", s3.send(new HeadObjectCommand({ Bucket, Key: "key" })));
});

test("ranges", async () => {
  const Bucket = await bucket(), body = pattern(1000);
  await put(Bucket, "key", body);
  assert.equal((await holds(Bucket, "key", body.subarray(990), { Range: "bytes=990-" })).ContentRange, "bytes 990-999/1000");
  await refused("InvalidRange", s3.send(new GetObjectCommand({ Bucket, Key: "key", Range: "bytes=1000-" })));
});

test("listing by pages and by folders", async () => {
  const Bucket = await bucket(), want = Array.from({ length: 25 }, (_, n) => `dir${Math.floor(n / 10)}/key ${10 + n}`);
  await Promise.all(want.map((key) => put(Bucket, key, "x")));
  const got = [];
  for await (const page of paginateListObjectsV2({ client: s3, pageSize: 7 }, { Bucket })) got.push(...page.Contents.map((o) => o.Key));
  assert.deepEqual(got, want);
  const folders = [];
  for await (const page of paginateListObjectsV2({ client: s3 }, { Bucket, Delimiter: "/" })) folders.push(...page.CommonPrefixes.map((p) => p.Prefix));
  assert.deepEqual(folders, ["dir0/", "dir1/", "dir2/"]);
});

test("copying and deleting", async () => {
  const Bucket = await bucket(), body = pattern(70000);
  await put(Bucket, "dir/source +1", body);
  await s3.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/dir/source%20%2B1` }));
  await holds(Bucket, "copy", body);
  const answer = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "copy" }, { Key: "dir/source +1" }] } }));
  assert.equal(answer.Deleted.length, 2);
  await s3.send(new DeleteBucketCommand({ Bucket }));
});

test("conditional writes", async () => {
  const Bucket = await bucket();
  const { ETag } = await put(Bucket, "key", "one", { IfNoneMatch: "*" });
  await refused("PreconditionFailed", put(Bucket, "key", "two", { IfNoneMatch: "*" }));
  await put(Bucket, "key", "two", { IfMatch: ETag });
  await refused("PreconditionFailed", put(Bucket, "key", "three", { IfMatch: ETag }));
  await holds(Bucket, "key", Buffer.from("two"));
});

test("errors have their classes", async () => {
  const Bucket = await bucket();
  const error = await refused("NoSuchKey", s3.send(new GetObjectCommand({ Bucket, Key: "absent" })));
  assert.ok(error instanceof NoSuchKey);
  assert.ok(error.$metadata.requestId);
  await refused("NoSuchBucket", s3.send(new PutObjectCommand({ Bucket: "no-such-bucket", Key: "key", Body: "x" })));
});
