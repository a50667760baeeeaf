export { E2eHealthIndicator, type E2eHealthOptions } from './e2e-health.indicator.js';
