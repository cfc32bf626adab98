// Forms as a browser sends them: FormData and fetch, with the fields that the SDK signs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
import { MIB, bucket, holds, pattern, s3 } from "./client.js";

/** Sends a form whose file is called name. */
async function post({ url, fields }, name, body, more = {}) {
  const form = new FormData();
  for (const [field, value] of Object.entries({ ...fields, ...more })) form.append(field, value);
  form.append("file", new Blob([body], { type: "text/x-of-the-blob" }), name);
  return fetch(url, { method: "POST", body: form, redirect: "manual" });
}

test("a form stores a file under its name", async () => {
  const Bucket = await bucket(), body = pattern(MIB + 3), name = "photo ä \"1\".jpg";
  const form = await createPresignedPost(s3, {
    Bucket, Key: "user/${filename}",
    Conditions: [["starts-with", "$Content-Type", "image/"], ["content-length-range", 1, 2 * MIB], ["starts-with", "$x-amz-meta-name", ""]],
    Fields: { success_action_status: "201" },
  });
  const answer = await post(form, name, body, { "Content-Type": "image/jpeg", "x-amz-meta-name": "${filename}" });
  const text = await answer.text();
  assert.equal(answer.status, 201, text);
  const Key = text.match(/<Key>(.*)<\/Key>/)[1].replaceAll("&#34;", "\"");
  assert.equal(Key, "user/photo ä %221%22.jpg"); // browsers send the quotes so (HTML, "multipart/form-data encoding algorithm")
  const got = await holds(Bucket, Key, body);
  assert.equal(got.ContentType, "image/jpeg");
});

test("a form sends its browser on", async () => {
  const Bucket = await bucket();
  const form = await createPresignedPost(s3, { Bucket, Key: "a&b", Fields: { success_action_redirect: "https://example.com/done?from=form" } });
  const answer = await post(form, "file", "content");
  assert.equal(answer.status, 303);
  assert.equal(answer.headers.get("location"),
    `https://example.com/done?from=form&bucket=${Bucket}&key=a%26b&etag=%229a0364b9e99bb480dd25e1f0284c8555%22`);
  await holds(Bucket, "a&b", Buffer.from("content"));
});

test("a form that is not as its policy wants it is refused", async () => {
  const Bucket = await bucket();
  const form = await createPresignedPost(s3, { Bucket, Key: "key", Conditions: [["content-length-range", 1, 5]] });
  for (const [body, more, code] of [
    ["content", {}, "EntityTooLarge"], ["", {}, "EntityTooSmall"], ["file", { key: "other" }, "AccessDenied"],
    ["file", { "x-amz-meta-more": "1" }, "AccessDenied"], ["file", { "X-Amz-Signature": "0" }, "SignatureDoesNotMatch"],
  ]) {
    const answer = await post(form, "file", body, more);
    const text = await answer.text();
    assert.ok(answer.status >= 400 && text.includes(`<Code>${code}</Code>`), `${answer.status} ${text}`);
  }
  assert.equal((await post(form, "file", "file")).status, 204);
});
