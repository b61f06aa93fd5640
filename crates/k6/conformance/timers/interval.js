// Shows setInterval, which ends when it is cleared; the iteration waits for it.
// compare: exit console
export const options = { iterations: 1 };

export default function () {
  let count = 0;
  const timer = setInterval(() => {
    count += 1;
    console.log(`tick ${count}`);
    if (count === 3) clearInterval(timer);
  }, 20);
  console.log(typeof timer);
}
