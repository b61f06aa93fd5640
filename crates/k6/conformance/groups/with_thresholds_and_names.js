// Shows the durations of groups by their tag.
// compare: exit thresholds metrics tags
import { group, sleep } from 'k6';

export const options = {
  iterations: 2,
  thresholds: { 'group_duration{group:::slow}': ['min>=100'], 'group_duration{group:::fast}': ['max<90'] },
};

export default function () {
  group('slow', () => sleep(0.12));
  group('fast', () => {});
}
