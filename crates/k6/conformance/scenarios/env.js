// Shows `env` of a scenario: on top of the test's, and only there.
// run: -e PORT_OF_CALL=Kiel -e BERTH=1
// compare: exit lines
export const options = {
  scenarios: {
    plain: { executor: 'per-vu-iterations', vus: 1, iterations: 1 },
    own: { executor: 'per-vu-iterations', vus: 1, iterations: 1, env: { BERTH: '7', EXTRA: 'yes' } },
  },
};

export default function () {
  console.log(`${__ENV.PORT_OF_CALL} ${__ENV.BERTH} ${__ENV.EXTRA}`);
}
