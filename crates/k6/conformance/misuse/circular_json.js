// Shows JSON that never ends.
// compare: exit console
export const options = { iterations: 1 };

export default function () {
  const ship = { name: 'Ada' };
  ship.self = ship;
  try {
    JSON.stringify(ship);
    console.log('made');
  } catch (error) {
    console.log(error.name);
  }
}
