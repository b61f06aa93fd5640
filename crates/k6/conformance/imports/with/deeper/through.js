export { greet as through } from '../tools.js';
