export const greeting = open('./greeting.txt').trim();
