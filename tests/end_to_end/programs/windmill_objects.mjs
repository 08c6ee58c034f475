// Every call of `windmill-client` about objects, from outside of jobs, in the workspace WM_WORKSPACE.
// Prints one line of JSON: what it read back. Run in the folder that has the package.
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.cwd(), "package.json"));
const wmill = require("windmill-client");

const { AT } = process.env;
const decode = (bytes) => new TextDecoder().decode(bytes);

async function failure(work) {
  try {
    await work();
    return "";
  } catch (error) {
    return String(error.body ?? error);
  }
}

const text = await wmill.writeS3File({ s3: `${AT}/text ü.txt` }, "Grüße 🌊", undefined, "text/plain");
const large = new Uint8Array(6 * 1024 * 1024 + 3).map((_, place) => place % 251);
const blob = await wmill.writeS3File(`s3:///${AT}/blob`, new Blob([large]));
const made = await wmill.writeS3File(undefined, "made");
const back = await wmill.loadS3File(blob);
const urls = await wmill.getPresignedS3PublicUrls([text, blob], { expirySecs: 60 });
const signed = await wmill.signS3Objects([blob, text]);
const opened = await fetch(urls[0]);
const settings = await wmill.denoS3LightClientSettings(undefined);
await wmill.writeS3File(`s3:///${AT}/gone`, "gone");
await wmill.deleteS3File(`s3:///${AT}/gone`);

console.log(
  JSON.stringify({
    keys: [text.s3, blob.s3],
    made: made.s3.startsWith("windmill_uploads/") && decode(await wmill.loadS3File(made)) === "made",
    text: decode(await wmill.loadS3File(text)),
    large: Buffer.compare(Buffer.from(back), Buffer.from(large)) === 0,
    stream: (await (await wmill.loadS3FileStream(blob)).arrayBuffer()).byteLength,
    opened: [opened.status, opened.headers.get("content-type"), await opened.text()],
    single: (await fetch(await wmill.getPresignedS3PublicUrl(blob))).status,
    signed: signed.map((each) => [each.s3, typeof each.presigned, "storage" in each]),
    one: typeof (await wmill.signS3Object(text)).presigned,
    settings: [settings.bucket, settings.pathStyle, settings.endPoint.endsWith("/s3_proxy")],
    gone: await failure(() => wmill.loadS3File(`s3:///${AT}/gone`)),
    unknown: await failure(() => wmill.writeS3File(`s3://unknown/${AT}/x`, "x")),
  }),
);
process.exit(0);
