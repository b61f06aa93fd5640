// Shows that open() works outside of functions only.
// compare: exit console
export const options = { iterations: 1 };

export default function () {
  try {
    open('./with/greeting.txt');
    console.log('opened');
  } catch (error) {
    console.log('refused');
  }
}
