/** Words within a sentence; each is a token with a space before it. */
export const words = `
a about above across after again against air all along also always among an and animal another any apple are around as
ask at autumn away back barn basket be beach bear because bed been before began behind bell below beside best between
big bird black blue boat book both bottle bread bridge bright bring brother brown build but by call
came can candle carry cat chair children city clear cloud coat cold color come corn could country cup dark day deep deer
did door down dream drink each early earth east eat egg eight end even evening every eye face fall family far farm
father feather few field find fire first fish five flower fly follow food for forest four fox friend from fruit garden
gate gave gentle give glass go gold good grass gray great green grow had half hand happy has have he head hear heart
heavy her here high hill him his hold home honey horse house how hundred ice if in inside into is island it its
journey jump just keep kind kitchen lake lamp land lantern large last late laugh leaf learn leave left letter light like
line listen little live long look lost loud love made make man many map market may meadow milk mill mind moon more
morning most mother mountain mouse move much music must name near nest never new next night nine no north not now oak
ocean of off often old on once one only open or other our out over own paper path peace pear people picture piece place
plain plant play point pond quiet rabbit rain read red rest ride right ring river road rock roof room root rope rose
round run sail salt same sand saw say school sea second seed seem send seven shade she shell ship shoe shore short sing
sister sit six sky sleep slow small smile snow so soft some song soon south spoon spring star stay step still stone stop
story street strong summer sun sweet swim table take tale tall tea tell ten than that the their them then there these
they thing think this three through time to together too took tower town train travel tree turn two under until up us
valley very village voice wait walk wall want warm was watch water wave way we well went were west what wheat wheel when
where which while white who why wide wild will wind window winter with wolf wonder wood word work world would write
year yellow yes yet you young
`
  .trim()
  .split(/\s+/);

/** Words that begin a sentence; each is a token with and one without a space before it. */
export const openers = `
A After All An And Around At Before Behind Beside Every For He Her Here His How If In It Many Most My Near No Not Now On
Once One Our Over Perhaps She So Some Sometimes That The Then There They This Today Under We When Where While With You
`
  .trim()
  .split(/\s+/);

/** Said now and then, one byte token at a time: characters that are spread over several tokens. */
export const rarities = [" 🌊", " 🐻", " café", " naïve"];
