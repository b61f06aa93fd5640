import { loads } from '../counted.js';

loads();
