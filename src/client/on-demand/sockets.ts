export * from './base.js';
export { connect } from '../socket/connection.js';
