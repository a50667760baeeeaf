import type { AddressInfo, Server } from 'node:net';
import { E2eWsAdapter } from 'nestjs-e2e-encryption/ws';
import { isOnFastify } from './settings.js';

// Only the packages of the platform that is used are loaded.
const { createApplication } = await (isOnFastify ? import('./platform/fastify.js') : import('./platform/express.js'));

const app = await createApplication();
app.useWebSocketAdapter(new E2eWsAdapter(app));
app.enableShutdownHooks();

await app.listen(process.env.PORT || 3000);
const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
console.log(`Listening on http://localhost:${port}`);
