// An echo server of npm's ws, which tells its port on the first line and ends with its input.
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  maxPayload: 64 * 1024 * 1024,
  perMessageDeflate: { threshold: 0 },
});
server.on('connection', (socket, request) => {
  if (request.url === '/close') socket.close(4001, 'of its own accord');
  if (request.url === '/cut') socket.terminate();
  socket.on('error', () => {});
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});
server.on('listening', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();
