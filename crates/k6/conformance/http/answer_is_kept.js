// Shows that an answer can be kept and changed, and what a body read twice is.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 2 };

const kept = [];

export default function () {
  const answer = http.get(`${__ENV.HTTP}/text/20`);
  kept.push(answer);
  console.log(answer.body === answer.body, kept[0].body.length, kept[0].status);
  for (const change of [() => { answer.own = 'added'; return answer.own; }, () => { answer.status = 999; return answer.status; }]) {
    try {
      console.log(change());
    } catch (error) {
      console.log('cannot be changed so');
    }
  }
  const { status, body, ...rest } = kept[0];
  console.log(typeof status, typeof body, Object.keys(rest).length > 5);
}
