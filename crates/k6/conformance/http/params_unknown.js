// Shows that a parameter nobody knows is passed over, and which types the others may have.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  for (const params of [{ nonsense: 1 }, null, undefined, {}, { headers: null }, { tags: null }, { cookies: null }, { redirects: 'many' }, { headers: 'x' }]) {
    try {
      console.log(JSON.stringify(params), http.get(`${__ENV.HTTP}/get`, params).status);
    } catch (error) {
      console.log(JSON.stringify(params), 'refused');
    }
  }
}
