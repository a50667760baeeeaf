import { Agent, request } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';

// Sends the same request over so many connections, each time as soon as the last answer is there, until told to stop;
// then says how often it got which status.
const { base, connections, path, body } = workerData;
const agent = new Agent({ keepAlive: true, maxSockets: connections });
const answers = {};
let isRunning = true;

parentPort.once('message', () => {
  isRunning = false;
  parentPort.postMessage(answers);
  agent.destroy();
});
for (let index = 0; index < connections; index++) again();

function again() {
  if (!isRunning) return;
  const headers = body ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } : {};
  const out = request(base + path, { agent, method: body ? 'POST' : 'GET', headers }, (response) => {
    response.resume().on('end', () => {
      answers[response.statusCode] = (answers[response.statusCode] ?? 0) + 1;
      again();
    });
  });
  out.on('error', () => isRunning && setTimeout(again, 10));
  out.end(body);
}
