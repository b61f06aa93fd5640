// Shows what timers cannot be.
// compare: exit console
export const options = { iterations: 1 };

export default function () {
  for (const attempt of [() => setTimeout(), () => setTimeout('code', 1), () => setTimeout(() => {}, -5), () => setTimeout(() => {}, 'soon'), () => clearTimeout(99999), () => clearTimeout()]) {
    try {
      attempt();
      console.log('taken');
    } catch (error) {
      console.log('refused');
    }
  }
}
