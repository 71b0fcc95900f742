// What the tests have a page do with MQTT.js.

// The client of this page, once converse has connected it.
let client;

// converse connects, subscribes to the topic and publishes a message of this size
// with each QoS in turn. It returns [QoS, size, whether it is what was sent] of
// each that comes back.
async function converse(url, options, topic, qualities, size) {
  await open(url, options);
  const got = [];
  const all = new Promise((resolve, reject) => {
    client.on("message", (_, payload, packet) => {
      got.push([packet.qos, payload.length, payload.every((b, i) => b === byteAt(i))]);
      if (got.length === qualities.length) resolve(got);
    });
    client.on("close", () => reject(new Error("closed after " + got.length + " messages")));
  });
  await client.subscribeAsync(topic, { qos: 2 });
  for (const qos of qualities) {
    await client.publishAsync(topic, message(size), { qos });
  }
  return all;
}

const byteAt = (i) => (i * 7 + (i >> 8)) & 0xff;

const message = (size) => Uint8Array.from({ length: size }, (_, i) => byteAt(i));

// open connects the client, and fails at its first failure.
function open(url, options) {
  return new Promise((resolve, reject) => {
    client = mqtt.connect(url, { reconnectPeriod: 0, connectTimeout: 60000, ...options });
    client.once("connect", (connack) => resolve(connack.sessionPresent));
    client.once("error", reject);
    client.once("close", () => reject(new Error("closed")));
  });
}

// leave ends the session.
const leave = () => client.endAsync();

// What openAndHear hears of the end, once it has come.
let heard;

// openAndHear is open, and has heard promise the reason code of a DISCONNECT, and the close code of the WebSocket
// and whether its closing was clean.
function openAndHear(url, options) {
  const said = [];
  heard = new Promise((resolve) => {
    const Plain = WebSocket;
    WebSocket = class extends Plain {
      constructor(...args) {
        super(...args);
        this.addEventListener("close", (e) => resolve([...said, "close", e.code, e.wasClean]));
      }
    };
  });
  const opened = open(url, options);
  client.on("disconnect", (packet) => said.push("disconnect", packet.reasonCode));
  return opened;
}
