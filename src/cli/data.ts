export { command } from './doctor.ts';
