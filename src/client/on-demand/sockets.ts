export * from './core.js';
export { connect } from '../socket/connection.js';
