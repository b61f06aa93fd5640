// Shows what is no set of statuses.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  for (const make of [
    () => http.expectedStatuses(),
    () => http.expectedStatuses('200'),
    () => http.expectedStatuses({ min: 200 }),
    () => http.expectedStatuses(200, null),
    () => http.setResponseCallback(() => true),
  ]) {
    try {
      make();
      console.log('taken');
    } catch (error) {
      console.log('refused');
    }
  }
}
