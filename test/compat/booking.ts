import * as z from "zod";

/** What clients ask an answer to be, with the kinds of fields that programs are written with. */
export const booking = z.object({
  email: z.email().max(24), // without it a small model never comes to the end
  day: z.iso.date(),
  room: z.enum(["single", "double", "suite"]),
  breakfast: z.boolean().optional(),
  nights: z.int().min(1).max(30),
});

export const wish = "Book a double room for ann@example.com on the 3rd of May 2026, for two nights. Answer in JSON.";
