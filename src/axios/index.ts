export { sealAxios } from './seal-axios.js';
