// Shows the module's constants.
// compare: exit console
import http, { TLS_1_0, TLS_1_3, OCSP_STATUS_GOOD } from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const constants = Object.keys(http).filter((name) => name === name.toUpperCase()).sort();
  console.log(constants.map((name) => `${name}=${http[name]}`).join(' '));
  console.log(TLS_1_0, TLS_1_3, OCSP_STATUS_GOOD);
}
