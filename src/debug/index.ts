export { showDebugPanel, type DebugPanelOptions } from './panel.js';
export {
  clearDebugCalls,
  debugCalls,
  watchDebugCalls,
  type DebugCall,
  type DebugMessage,
} from '../client/debug/calls.js';
