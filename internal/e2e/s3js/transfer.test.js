import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import {
  AbortMultipartUploadCommand, CompleteMultipartUploadCommand, CreateMultipartUploadCommand, GetObjectCommand, HeadObjectCommand,
  ListMultipartUploadsCommand, ListPartsCommand, PutObjectCommand, UploadPartCommand,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { MIB, bucket, holds, pattern, refused, s3 } from "./client.js";

test("lib-storage uploads a stream in parts", async () => {
  const Bucket = await bucket(), body = pattern(23 * MIB + 5);
  const pieces = Array.from({ length: Math.ceil(body.length / 100000) }, (_, n) => body.subarray(n * 100000, (n + 1) * 100000));
  const upload = new Upload({ client: s3, partSize: 5 * MIB, params: { Bucket, Key: "key", Body: Readable.from(pieces), ContentType: "text/x-one" } });
  let loaded = 0;
  upload.on("httpUploadProgress", (progress) => (loaded = progress.loaded));
  const done = await upload.done();
  assert.match(done.ETag, /-5"$/);
  assert.equal(loaded, body.length);
  assert.equal((await holds(Bucket, "key", body)).ContentType, "text/x-one");
});

test("lib-storage leaves nothing of what is aborted", async () => {
  const Bucket = await bucket();
  const endless = Readable.from((async function* () { for (;;) yield pattern(MIB); })());
  const upload = new Upload({ client: s3, partSize: 5 * MIB, queueSize: 1, params: { Bucket, Key: "key", Body: endless } });
  upload.on("httpUploadProgress", () => upload.abort());
  await assert.rejects(upload.done(), { name: "AbortError" });
  await refused("NotFound", s3.send(new HeadObjectCommand({ Bucket, Key: "key" })));
});

test("parts by hand", async () => {
  const Bucket = await bucket(), Key = "key", bodies = [pattern(5 * MIB), pattern(100)];
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm: "SHA256" }));
  const parts = [];
  for (const [n, Body] of bodies.entries()) {
    const { ETag, ChecksumSHA256 } = await s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: n + 1, Body, ChecksumAlgorithm: "SHA256" }));
    parts.push({ PartNumber: n + 1, ETag, ChecksumSHA256 });
  }
  assert.equal((await s3.send(new ListPartsCommand({ Bucket, Key, UploadId }))).Parts.length, 2);
  const complete = (...Parts) => s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
  await refused("InvalidPartOrder", complete(parts[1], parts[0]));
  const done = await complete(...parts);
  assert.match(done.ChecksumSHA256, /-2$/);
  await holds(Bucket, Key, Buffer.concat(bodies));
  await holds(Bucket, Key, bodies[1], { PartNumber: 2 });
  await refused("NoSuchUpload", s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId: "made-up" })));
  assert.equal((await s3.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads, undefined);
});

test("presigned URLs", async () => {
  const Bucket = await bucket(), Key = "dir/a key+ä&";
  const to = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key, ContentType: "text/x-one" }), { expiresIn: 60, signableHeaders: new Set(["content-type"]) });
  assert.equal((await fetch(to, { method: "PUT", body: "other", headers: { "Content-Type": "text/x-two" } })).status, 403);
  const sent = await fetch(to, { method: "PUT", body: "content", headers: { "Content-Type": "text/x-one" } });
  assert.equal(sent.status, 200, await sent.text());
  const from = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key, ResponseContentType: "text/x-two" }), { expiresIn: 60 });
  const got = await fetch(from);
  assert.equal(await got.text(), "content");
  assert.equal(got.headers.get("content-type"), "text/x-two");
  const refusal = await fetch(from.replace("/dir/", "/other/"));
  assert.equal(refusal.status, 403);
  assert.match(await refusal.text(), /<Code>SignatureDoesNotMatch<\/Code>/);
});
