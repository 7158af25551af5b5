// Runs M-Lab's own client, @m-lab/ndt7, under Node, which lacks the Worker and WebSocket of a browser, and prints JSON.
//   node run.cjs FOLDER-WITH-node_modules HOST:PORT ws|wss
const { Worker: Thread } = require("node:worker_threads");
const [folder, server, protocol] = process.argv.slice(2);
const file = (name) => require.resolve(name, { paths: [folder] });

global.Worker = class {
  constructor(source) {
    const code = `const { parentPort } = require("node:worker_threads");
      global.WebSocket = require(${JSON.stringify(file("ws"))});
      global.self = global;
      global.postMessage = (message) => parentPort.postMessage(message);
      require(${JSON.stringify(source)});
      parentPort.on("message", (data) => self.onmessage({ data }));`;
    this.thread = new Thread(code, { eval: true });
    this.thread.on("message", (data) => this.onmessage({ data }));
    this.thread.on("error", (error) => this.onmessage({ data: { MsgType: "error", Error: String(error) } }));
  }
  postMessage(message) { this.thread.postMessage(message); }
  terminate() { this.thread.terminate(); }
};

const found = { errors: [], download: null, upload: null };
const configuration = {
  server, protocol, mlabDataPolicyInapplicable: true,
  downloadworkerfile: file("@m-lab/ndt7/src/ndt7-download-worker.js"),
  uploadworkerfile: file("@m-lab/ndt7/src/ndt7-upload-worker.js"),
};
const callbacks = {
  error: (error) => found.errors.push(String(error)),
  downloadComplete: (data) => { found.download = data; },
  uploadComplete: (data) => { found.upload = data; },
};
require(file("@m-lab/ndt7/src/ndt7.js")).test(configuration, callbacks).then((code) => {
  process.stdout.write(JSON.stringify({ ...found, code }), () => process.exit(0));
});
